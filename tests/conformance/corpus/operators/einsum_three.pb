einsum_three*)B0/in/x0JOŒÓ¾m“8¿u;ƒ¿,¤‰?¿.>‘ÿ+¾*)B0/in/x1Jl?ncC¿q.?x'½Víp¿§i/?*!B0/in/x2J¸Å¿
?LLp¿ð¬>*"B0/out/y0J°ík=ºuƒ¼ÿ€¿êÈ>Rrtol=0.0001 atol=1e-05