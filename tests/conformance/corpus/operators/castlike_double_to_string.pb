castlike_double_to_string*B0/in/xJUUUUUUÕ?@Œµx¯%D*!2
0.3333333322e+20B0/out/y0Rrtol=1e-05 atol=1e-06