qgemm_float_uint8_uint8*(B0/in/aJÛ60ñ2³¤CË=*ÌðùÆu…	–]ç*NB0/out/y0J<"ljÁj¼ÂAg"ü¿q¬	B
FB g]ÁyGBí•Á±.ùA·ÁáX×¿šæB°áÙ¿ÑoçAyX¢ARrtol=1e-05 atol=1e-06