quantizelinear_opset10*LB0/in/xJ<¬ýÀ¾—=MÀù±!¿ËƒqÀ„@Ì,À]Ù…À¬­Ü¾¶q¾…JØÀí
‰ÀjùÀ\Ã?ÚS@¹\H@*!B0/out/y0JöàôÜäÙö÷ÅØç	Rrtol=1e-05 atol=1e-06