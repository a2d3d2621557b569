matmulintegertofloat_int8_int8*(B0/in/aJ%KDÆ'ÅÍü„dñ«2ğ
H(ìXÖú÷*NB0/out/y0J<álŒAŞKAÏp“Á²D*À	¾ÀSÀZÑŒÀ€ÅAÜá}ÁûË~AW…!@½Ã×@-.@Ò*´?àˆ>Rrtol=1e-05 atol=1e-06