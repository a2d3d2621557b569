weights_uint64*(B0/in/xJ¸V¤¾6é¿2.?Ë—@ˆ$>ÞÑd?*)B0/out/yJ¤Ô-?Pž7>‚Œk@Ë—Q@h@
@x4y@Rrtol=1e-05 atol=1e-06