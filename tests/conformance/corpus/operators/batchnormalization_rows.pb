batchnormalization_rows*@B0/in/xJ0 'c>|©¤?÷:â=´"Å¿´³¾`”?ñLê>è¿j«ş>-Wj<FLş>ÌsÓ¿*B0/in/sJI©¿ï²“>7/*À*B0/in/bJ#!‹¿0³?.&
¿*B0/in/mJ[ ’=sü×¿Áeµ?*B0/in/vJ”%|?
Ü?8ÕN?*BB0/out/y0J00¡¿lÎÚ?‹İT@˜??ìY? l>˜eÃ¿dÍ†?îš@JÇ‚¿uçµ?j£ARrtol=2e-05 atol=1e-06