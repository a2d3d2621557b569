)matmulintegertofloat_per_column_int8_int8*(B0/in/aJ%KDÆ'ÅÍü„dñ«2ğ
H(ìXÖú÷*NB0/out/y0J<Â@èÚ,AÏp“Ál°CÀ]ÜÁ¤„b¿Ìê9À€ÅAƒV¥ÁåßAB#‡?TÃ@-.@dr@Äãä?Rrtol=1e-05 atol=1e-06