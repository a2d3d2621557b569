qlinearconcat_int8*B0/in/aJl‘šAœ3*B0/in/bJ™•­V*B0/out/y0J
[«³™•8´-­VRrtol=1e-05 atol=1e-06