
einsum_sum*)B0/in/x0JpÄ½üûê¼Â]ï¿‡¼Œ>Ö¢¿Ù$À*B0/out/y0Jj­ÀRrtol=0.0001 atol=1e-05