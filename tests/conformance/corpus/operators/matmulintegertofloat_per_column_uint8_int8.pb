*matmulintegertofloat_per_column_uint8_int8*(B0/in/aJ7³[3ı§üV.d1%^.™ü~e*NB0/out/y0J<ÄoN@J³¿
ÒYÁÓM²A8¿Áœu*À—,]À¹«Á ‰¤AîBz¾@mƒ?ÆŸí@w„ÁS<Aì@ÂRrtol=1e-05 atol=1e-06