dictionary_dy*AB0/in/x0J0NÕ¿Ï
`æzüø‡u;øèTøÚ°æ=¡“>qÖ?óûæFËÆ?3J*ø!˘≥>*.B0/out/linearJä§ß>œö1=PT?®£æª?F]ø*/B0/out/softmaxJrbñ>”db>$k¯>«6s>ñÁ?⁄*9>*B0/out/squeezeJmºêø∫+>*YB1/in/x0JH“Ig?Öâ¿=¯U>ø2ˆkø
[Íæ’za>+;Åø2Væ‚#æ€t
?öœ[>iÛµ>Pa'øpπæû≤H?¿(ø?)°øA»¡?*:B1/out/linearJ${£>≤”’<≤ÈæíìÔæx‘]ºÛÀﬂ>‹62øNÓ*>æ∫6>*;B1/out/softmaxJ$™Ë>6≠>B¨U>ä‚J>’ ü>Ë√˙>HÖ1>ïf“>»÷‘>*!B1/out/squeezeJ≠dú>“ æ≈2?Rrtol=0.0001 atol=1e-05