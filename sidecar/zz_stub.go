package main

type oracleCommand struct{}
