from .failure_descent import descend_failure, seconds_to_begin
from .work_descent import cheapest_sizes, cheapest_student, descend_work, without_late

__all__ = ["cheapest_sizes", "cheapest_student", "descend_failure", "descend_work", "seconds_to_begin", "without_late"]
