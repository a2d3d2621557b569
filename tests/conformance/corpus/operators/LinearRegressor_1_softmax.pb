LinearRegressor_1_softmax*`B0/in/xJPÁ>Œ¾*´#¾•£y¿~žŒ?÷ú
¿
­Q½yK¿TF ¿Œ£¿¦ç ?"É¾¤Fw?iOZ<nÄ1¿JC§¾Mk¿âf<ú"À¾W™¾#u°¿*&B0/out/y0JoÍä¾©Ò?¢è@0¾XL?Rrtol=1e-05 atol=1e-06