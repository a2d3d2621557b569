resize_int8_double*B0/in/xJ
#,;<* B0/out/y0J
%)/7;;<Rrtol=0.0001 atol=1e-06