
det_matrix*4B0/in/xJ$!¾ †?å"“<¿½Õ?jy‡?Ð®¾¦œy¾ý°$¾*B0/out/y0J’ñÓ¾Rrtol=1e-05 atol=1e-06