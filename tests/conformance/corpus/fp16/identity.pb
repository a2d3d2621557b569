identity*
B0/in/xJ¾ºì:_5Ô=@¸*
B0/out/yJ¾ºì:_5Ô=@¸Rrtol=0 atol=0