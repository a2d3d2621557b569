chain_numbers_as_text*.2
2024-01-312
1999-12-0122030-6-7B0/in/x*23B	0/out/out*2
2024-01-31B1/in/x*21B	1/out/outRrtol=1e-05 atol=1e-06