qlinearconcat_uint8*B0/in/aJıäWš*B0/in/bJÚÈg*B0/out/y0J
ÏÚ»JÈgRrtol=1e-05 atol=1e-06