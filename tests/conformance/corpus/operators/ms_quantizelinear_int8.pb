ms_quantizelinear_int8*LB0/in/xJ<:è@XŒu@/Q@Å6C?¤ÂÁ[.@ùN!?7)ÁÒß&À3aÀÿÒ‡@Ï¬ü>‰°˜?rŠx?»ı©À*!B0/out/y0J;!"	·²ïè$
ÚRrtol=1e-05 atol=1e-06