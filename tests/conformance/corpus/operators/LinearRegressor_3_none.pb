LinearRegressor_3_none*`B0/in/xJPÁ>Œ¾*´#¾•£y¿~žŒ?÷ú
¿
­Q½yK¿TF ¿Œ£¿¦ç ?"É¾¤Fw?iOZ<nÄ1¿JC§¾Mk¿âf<ú"À¾W™¾#u°¿*NB0/out/y0J<oÍä¾õ$‰?€€H<©Ò?K?ºç(>¢è@³ÃÇ?–úž¿0¾—;9¾*Ì¤?XL?ÓØË>S‰D?Rrtol=1e-05 atol=1e-06