reduceprod_float32_11*rB0/in/xJ`‡Ã?äë‚@¯„@¸Ôy@5{?N(6@A©W?
ú@£qö?ëˆ@
‡@@$r{@AÖ‚@Ï@}º@a]?ÈF…?ä„@Tøq?¡:@2ƒ@›ı?â(8@±L=@*4B0/out/y0J fÎ@ÛFB’f'AxaB¨ŒA…vAŞj0ABƒî@Rrtol=2e-05 atol=1e-06