reducemin_float32_18*rB0/in/xJ`ØX@J[;@Îÿ?‡T9@ƒø@æŒŒ?G*h?‡z~@bH@Tb<@Û®€@'ñ?[ô?!Žø?ßyO@Y=@{vø?½þ;@¥ý?+T‰?ê±‚?#¢@3…A@ëJ
@*B0/out/y0J[ô?G*h?ê±‚?Rrtol=2e-05 atol=1e-06