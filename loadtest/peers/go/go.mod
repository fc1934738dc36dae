module spindle.example/peers

go 1.19
