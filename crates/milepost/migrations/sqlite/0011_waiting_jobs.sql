-- Jobs that are pending are counted where they are: opening one would have to wait for whoever else adds to the sums.
alter table rollups drop column pending;
alter table deleted_rollups drop column pending;
