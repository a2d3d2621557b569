reduceprod_float32_18*rB0/in/xJ`‡Ã?äë‚@¯„@¸Ôy@5{?N(6@A©W?
ú@£qö?ëˆ@
‡@@$r{@AÖ‚@Ï@}º@a]?ÈF…?ä„@Tøq?¡:@2ƒ@›ı?â(8@±L=@*B0/out/y0JG÷EÕdlBoWERrtol=2e-05 atol=1e-06