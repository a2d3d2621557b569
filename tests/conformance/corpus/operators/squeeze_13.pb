
squeeze_13*B0/in/xJ)G?7(Е┐єша╛*B0/out/y0J)G?7(Е┐єша╛Rrtol=1e-05 atol=1e-06