LinearRegressor_3_softmax_zero*`B0/in/xJPÁ>Œ¾*´#¾•£y¿~žŒ?÷ú
¿
­Q½yK¿TF ¿Œ£¿¦ç ?"É¾¤Fw?iOZ<nÄ1¿JC§¾Mk¿âf<ú"À¾W™¾#u°¿*NB0/out/y0J<·E>T~#?øÀb>?³?ÖÞ²>«êö=é®)?.Ã¢>ôï<X>]*#>h1?ðÕê>¢…b>?ç£>Rrtol=1e-05 atol=1e-06