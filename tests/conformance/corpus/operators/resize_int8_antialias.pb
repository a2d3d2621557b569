resize_int8_antialias*B0/in/xJ
#,;<*B0/out/y0J(:Rrtol=0.0001 atol=1e-06