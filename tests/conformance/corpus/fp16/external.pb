external*(B0/in/xJÖ›ğ¾‡c”¿	‡½ì®$?QJ§¿r0N?*!
B0/out/yJ8:¶38È<?¾>­CRrtol=0.002 atol=0.002