qlinearconcat_int8*B0/in/aJ™)ֶ¹ֻ¡*B0/in/bJב0שמ*B0/out/y0J
²%ײב0ֻÚ¸שמRrtol=1e-05 atol=1e-06