dequantizelinear_block_1**B0/in/xJÞŸh8ÕÓ
\@²M3²:ŠK‚&@
Ê*tB0/out/y0J`‘¨‰@ùzCB4õÂÔS²ÁX9.ÃìœÂÞÄFC!9²AÅd+Â™ˆ¼>Åd«AéA?“‡Â›â©ÂfþAÁcº›Âk­Âp±rÂ.…LÃÅž@¦(+ÃüàÊ¿ÑÅSÃp^AARrtol=0 atol=0