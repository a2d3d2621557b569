scan_axis_negative*B
0/in/firstJfó™>i<Ù½«Å—¿*LB0/in/xJ<¦|ÀbW?ï\˜¾¢®¿…Òq¾I‚è?üK½qe±=gX¾¿ÜÒ?~àj?R‘ˆ?{DC=ã©j?¾ì½>*B
0/out/lastJÏ|)À“(ô?“@*OB	0/out/allJ<9>†ÀÁĞJÀıçpÀ§_šÀÏ|©À‚îZ@¡T@ø¤_@D2?“(t@°U	¿ÌwÌ?¬Ø?üªa@“ˆ@Rrtol=0.0001 atol=1e-05