scan_one_step*B
0/in/firstJE‹?5FO½Åõ¾*B0/in/xJVÒ?Ú-¤¿«í¿*B
0/out/lastJ¬¹.@¨ª¿h^¿*B	0/out/allJ¬¹®@¨*ÀhŞ¿Rrtol=0.0001 atol=1e-05