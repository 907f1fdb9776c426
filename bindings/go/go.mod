module fovea

go 1.21
