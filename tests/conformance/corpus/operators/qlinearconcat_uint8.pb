qlinearconcat_uint8*B0/in/aJÛTdò*B0/in/bJ‰8âc*B0/out/y0J
³	G‰8TÆâcRrtol=1e-05 atol=1e-06