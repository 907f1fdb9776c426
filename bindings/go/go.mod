module fovea

go 1.22
