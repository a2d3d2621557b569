ArrayFeatureExtractor_one*LB0/in/xJ<÷ú
¿
­Q½yK¿TF ¿Œ£¿¦ç ?"É¾¤Fw?iOZ<nÄ1¿JC§¾Mk¿âf<ú"À¾W™¾*B0/out/y0JyK¿¤Fw?âf<Rrtol=1e-05 atol=1e-06