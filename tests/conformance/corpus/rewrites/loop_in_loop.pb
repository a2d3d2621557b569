loop_in_loop*(B0/in/xJ¸V¤¾6é¿2.?Ë—@ˆ$>ÞÑd?*)B0/out/yJ+©
ÁM¢DÂ4ú’A&°uBƒeŠ@ÁARrtol=1e-05 atol=1e-06