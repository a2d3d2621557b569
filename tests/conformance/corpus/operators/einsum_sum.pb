
einsum_sum*)B0/in/x0JÙ$ÀË/"¿•i‚¾4\?j!¿ŞÎµ?*B0/out/y0J¬/Ğ¿š(’¿y4•?Rrtol=0.0001 atol=1e-05