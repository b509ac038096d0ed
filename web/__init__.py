"""What people see and programs call over HTTP: a face of the client, as the command line is one."""
