tweedie*€B0/in/XJp)\—@R¸N@×£Ð?Âõ¨>Â@†ëa@…ë@Âõ¨>Â@ìQH@
×Ã?ö(Ü>)\·@ìQH@ö(”@×£Ð?ÂÍ@…@Ãõ@=
·?\Ú@ìQ(@Â½@=
÷?\ê@ìQH@Â½@¤pÝ?*4B0/out/variableJIoA@à‡Q@zøA@ã5AäxAÜ#aAÐ²QA* B1/in/XJ)\—@R¸N@×£Ð?Âõ¨>*B1/out/variableJIoA@Rrtol=1e-05 atol=1e-06