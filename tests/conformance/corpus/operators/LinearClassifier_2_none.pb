LinearClassifier_2_none*`B0/in/xJPÁ>Œ¾*´#¾•£y¿~žŒ?÷ú
¿
­Q½yK¿TF ¿Œ£¿¦ç ?"É¾¤Fw?iOZ<nÄ1¿JC§¾Mk¿âf<ú"À¾W™¾#u°¿*$2yes2no2no2yes2noB0/out/y0*:B0/out/y1J(oÍä¾õ$‰?©Ò?K?¢è@³ÃÇ?0¾—;9¾XL?ÓØË>Rrtol=1e-05 atol=1e-06