scan_one_backwards*B
0/in/firstJóã£¿¡‹6¿û?*LB0/in/xJ<PÀ<ÒÅ>jæ¿	Îß=g	›½÷N>Aµ1?…$B¿½âµ?Há9?ÝþW?C•?bŸI?ŠX?ÓÐš=*LB0/in/zJ<‡ ¶¿CI
¾éþD¿g¶¿íS„>uŒ¿¢Ðƒ¿…¿÷m‰>Ú£·>IF©?Zúc¼[…?j}³?¡8“?*B
0/out/lastJ¤šÉ?BwI¾é0?*OB	0/out/allJ<zhëÀjŽj¿ ‚¹=ÿÙ#À[¹´¿oœá»1wš?A~C@ÓÏB?¨rÀMàœ?ªìà¿¤šI@BwÉ¾é0ž?Rrtol=0.0001 atol=1e-05