
squeeze_11*B0/in/xJ‡|Þ?êƒŠ¿´?*B0/out/y0J‡|Þ?êƒŠ¿´?Rrtol=1e-05 atol=1e-06