"""What several pages share: the frame, the current project, errors, jobs and charts."""
