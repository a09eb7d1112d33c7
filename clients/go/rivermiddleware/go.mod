module github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware

go 1.24.0

require (
	github.com/jackc/pgx/v5 v5.7.2
	github.com/riverkeeper/riverkeeper/clients/go v0.1.0
	github.com/riverqueue/river/rivertype v0.19.0
)

require (
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.2 // indirect
	golang.org/x/crypto v0.31.0 // indirect
	golang.org/x/sync v0.10.0 // indirect
	golang.org/x/sys v0.28.0 // indirect
	golang.org/x/text v0.21.0 // indirect
)

replace github.com/riverkeeper/riverkeeper/clients/go => ../
