matmulintegertofloat_uint8_int8*(B0/in/aJ7³[3ı§üV.d1%^.™ü~e*NB0/out/y0J<FQé@Ãœõ¿
ÒYÁŞA;5jÁd&ÁeÅ§À¹«ÁµoA•êâ¾Ü1?ÙE1Aw„Áğ…AzµÁRrtol=1e-05 atol=1e-06