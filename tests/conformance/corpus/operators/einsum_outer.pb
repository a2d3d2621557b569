einsum_outer*B0/in/x0J;f?fb0>*B0/in/x1JoÂb¿t¿61¨¾**B0/out/y0JS
~¿Õ¡¿Om¼¾Õ<¾¦G¾öÄg½Rrtol=0.0001 atol=1e-05