einsum_transpose*)B0/in/x0JaE:¿
&º¾Ñ^>&,@<½'ç?´/?**B0/out/y0JaE:¿&,@<
&º¾½'ç?Ñ^>´/?Rrtol=0.0001 atol=1e-05