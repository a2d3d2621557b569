&skipsimplifiedlayernormalization_small* B0/in/xJoƒ:o;¦›D;oƒ;*#B	0/in/skipJo;¦›Ä:oƒ:o:*"B0/out/y0JÉJ?kRl?†
‡?×ë—?Rrtol=1e-05 atol=1e-06